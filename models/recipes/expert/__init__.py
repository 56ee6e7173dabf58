"""The shared recipe of the bundled experts: data, network, training, export."""
