"""Random modules for differential.py."""
from .modules import instructions, module, render
from .operators import LEFT_OUT, OPERATORS
from .pieces import Code, Piece, pieces
from .values import REFERENCES, constant, literal, number, text
