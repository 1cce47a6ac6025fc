"""A task for each name that a manifest may have for one."""

from app.serving.repository import Task
from app.tasks.digits.manifest import TASK as DIGITS
from app.tasks.digits.task import DigitsTask

TASKS: dict[str, Task] = {DIGITS: DigitsTask()}
