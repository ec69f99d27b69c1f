"""Countdown in transformers: claims on stored runs.  Margins were set on seed 0.

Source: ours; the methods are those of Samineni et al., arXiv 2505.13697, section 5.
"""

CHECKS = ()
