"""Says whether the traffic of now is still the traffic that a model was trained on, and whether that changes what people see."""
