"""Labels: what several raters mean together, and what shoppers' behaviour says about a query and a product."""
