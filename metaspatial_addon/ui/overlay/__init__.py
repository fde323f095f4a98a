"""What is drawn over the 3D viewport: room outline, fronts, faults."""
