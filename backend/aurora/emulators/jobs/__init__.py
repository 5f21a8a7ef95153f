"""Containers as jobs on rented GPUs: stock, life, bill and log of a market whose wire format is somebody else's business."""
