"""What a computation does to memory, told tensor by tensor, whether its tensors are real or not.

ledger.py notes the life of every storage and the floating-point operations, fakes.py makes a model
of tensors that have a shape and no bytes. Knows nothing of what is computed.
"""
