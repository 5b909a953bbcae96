"""Fitting a calibration on a labelled bank, and measuring what it is worth. Pure.

Everything that is measured is out of fold: the first layer's predictions that the second layer
learns from, and all reported errors, come from models that have not seen the labels in question.
Scenarios that share a question share a fold. (Scores from in-context examples are safe as well: a
worker never shows a scenario its own labels. As in any stacking, a second layer that leaves a row
out is fitted on other rows' predictions, and the forests behind those may have seen its label.)
"""
