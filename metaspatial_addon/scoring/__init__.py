"""From evidence to numbers: terms, weights, the score, the paper's formula, a judge."""
