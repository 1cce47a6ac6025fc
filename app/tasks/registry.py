"""A task for each name that a manifest may have for one."""

from app.serving.opening import Task
from app.tasks.digits.manifest import TASK as DIGITS
from app.tasks.digits.task import DigitsTask
from app.tasks.lines.manifest import TASK as LINES
from app.tasks.lines.task import LinesTask
from app.tasks.tensors.manifest import TASK as TENSORS
from app.tasks.tensors.task import TensorsTask

TASKS: dict[str, Task] = {DIGITS: DigitsTask(), LINES: LinesTask(), TENSORS: TensorsTask()}
