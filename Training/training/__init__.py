"""Trains networks for Aquatint from a folder of pictures: see docs/training.md.

    python -m training train recipes/upscale2x.yaml
"""
