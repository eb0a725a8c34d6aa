"""Plans of ablation, from images alone: cover an outline, keep out of organs and vessels, aim, read the zone."""
