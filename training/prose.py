"""What a model card says to people who have never seen the model; a release writes it into its manifest."""

INTENDED_USE = (
    "Give it a picture of one handwritten digit: it says which digit that is, how sure it is, and whether to take "
    "its word. The service turns the picture into what it was trained on, light ink on a dark ground, centred in 28"
    " by 28 pixels. It is for forms, for teaching and as an example of serving a model."
)
NO_DIGIT = (
    "Its ten probabilities always add up to 1, for a letter or a scribble too. Whether there is a digit at all "
    "shows in another figure, the energy: what has too much of it is rejected. How often that works is told by the "
    "figures on what is no digit."
)
LIMITS = (
    "It has learnt from MNIST alone: digits that employees and students in the USA wrote around 1990. Where people "
    "write otherwise, as in Europe, or where digits are cut out or centred otherwise, expect more mistakes than the"
    f" figures say, and more among the answers that it is sure of. {NO_DIGIT} Have a person check what matters."
)
LIMITS_OF_OTHERS = (
    "It has learnt from digits of the USA (MNIST), of Switzerland and Turkey, and from strokes that a program drew."
    " Where people write otherwise, expect more mistakes than the figures say; they are of MNIST where no other "
    "source is named. A 1 with a long flag and a 7 without a bar can be the same stroke: it takes most such for a "
    f"1, and the second most likely digit shows the other. {NO_DIGIT} Have a person check what matters."
)
