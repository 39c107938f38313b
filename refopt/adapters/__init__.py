"""Adapters that come with refopt; each module imports its library only when it is itself asked for."""

AVAILABLE = {
    "reference": "refopt.adapters.reference:Reference",
    "scipy": "refopt.adapters.scipy_eigsh:ScipyEigsh",
    "optax": "refopt.adapters.optax_first_order:OptaxFirstOrder",
    "torch": "refopt.adapters.torch_first_order:TorchFirstOrder",
    "jax-derivatives": "refopt.adapters.jax_derivatives:JaxDerivatives",
    "torch-derivatives": "refopt.adapters.torch_derivatives:TorchDerivatives",
    "optax-sophia": "refopt.adapters.optax_sophia:OptaxSophia",
    "pytorch-optimizer": "refopt.adapters.pytorch_optimizer_sophia:PytorchOptimizerSophia",
    "grnewt": "refopt.adapters.grnewt:Grnewt",
    "fosi-torch": "refopt.adapters.fosi_torch:FosiTorch",
    "fosi-jax": "refopt.adapters.fosi_jax:FosiJax",
    "torch-arc": "refopt.adapters.torch_arc:TorchArc",
}
"""Their short names, which `refopt verify --adapter` takes."""
