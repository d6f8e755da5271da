"""The product, its customers and its vendors, all in one process."""
