"""What stands in lines: numbers, amounts and dates."""

import numpy as np

MOST_DIGITS = 12
LENGTHS = (12, 16, 16, 12, 10, 8, 7, 5, 4, 4, 3, 3)  # parts, of 1 to 12 digits
SIGNS = "$€£"
ENDS = (".-", ",--", "/-", ".--", ",-", "-")
THOUSANDS = (",", ".", "'", "", "")
ZEROS = 0.3  # part of the numbers that end in two or more zeros, where they are long enough

Random = np.random.Generator


def any_length(random: Random) -> int:
    """Of 1 to 12 digits."""
    return 1 + int(random.choice(MOST_DIGITS, p=np.array(LENGTHS) / sum(LENGTHS)))


def digits(length: int, random: Random, *, zeros: float = ZEROS) -> str:
    """So many, any of them; `zeros` is how likely it is round."""
    some = random.integers(0, 10, length)
    if random.random() < zeros and length > 1:
        some[-random.integers(min(2, length - 1), min(length, 5)) :] = 0
    return "".join(map(str, some))


def separated(length: int, random: Random) -> str:
    """A number of so many digits with marks among or beside them."""
    if 6 <= length <= 8 and random.random() < 0.2:
        return _date(length, random)
    if random.random() < 0.2 and length > 1:
        return _divided(digits(length, random), random)
    return _amount(digits(length, random), random)


def _amount(digits: str, random: Random) -> str:
    """With thousands' marks, cents, a sign or an end, or several of these."""
    point, thousands = str(random.choice([".", ","])), str(random.choice(THOUSANDS))
    thousands = "" if thousands == point else thousands
    cents = len(digits) > 2 and random.random() < 0.5
    whole, rest = (digits[:-2], point + digits[-2:]) if cents else (digits, "")
    grouped = _grouped(whole, thousands)
    end = "" if cents or random.random() < 0.6 else str(random.choice(ENDS))
    before, after = "", ""
    if random.random() < 0.35:
        before, after = (
            (str(random.choice(list(SIGNS))), "") if random.random() < 0.7 else ("", random.choice(["$", "€"]))
        )
    made = before + grouped + rest + end + str(after)
    return made if made != digits else digits + str(random.choice(ENDS))


def _grouped(whole: str, mark: str) -> str:
    first = len(whole) % 3 or 3
    return mark.join([whole[:first], *(whole[place : place + 3] for place in range(first, len(whole), 3))])


def _divided(digits: str, random: Random) -> str:
    at = int(random.integers(1, len(digits)))
    return digits[:at] + str(random.choice(["-", "/", ".", ","])) + digits[at:]


def _date(length: int, random: Random) -> str:
    """Day and month of one or two digits each, and the year of two or four."""
    year = str(random.integers(1900, 2040))
    parts = {6: (2, 2, 2), 7: (1, 2, 4), 8: (2, 2, 4)}[length]
    day, month = (
        str(random.integers(1, most)).zfill(wide)[-wide:] for wide, most in zip(parts, (32, 13), strict=False)
    )
    mark = str(random.choice(list("/.-")))
    return mark.join([day, month, year[-parts[2] :]])
