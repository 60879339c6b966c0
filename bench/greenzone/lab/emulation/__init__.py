"""How well the emulated device's time model does: validated against measured kernel times, and calibrated on them."""
