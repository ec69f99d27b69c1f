"""planlib: planning as path finding on a graph, with a node as a token.

The package supplies the graphs, models, losses and trainers of the book, and
the checks that the book's evidence is made of.  Imports point one way:
``graph -> task -> models, losses -> rollout -> metrics, train -> study``.
"""

__version__ = "0.1.0"
