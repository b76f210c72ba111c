"""Pure: a file of the operator's own over the catalogue, as the demo gives it to its worker."""

from __future__ import annotations

from typing import Final

CATALOGUE: Final = """\
# What an operator adds to the catalogue: here the price of the model that makes one answer of a long medium's segments.
# The figures are an example. The provider's price has steps by length and is in none of the catalogue's sources.
[models."qwen-plus".prices.beijing]
name = "demo-example"
currency = "CNY"
input_text = "1"
output_text_after_text = "4"
"""
