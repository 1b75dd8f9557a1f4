// AviaryPool: linear memories from one reservation, and the system calls below them.
//
//   Linux/    mappings, errors, condition variables: the only callers of aviary_system_*
//   Layout/   SlabConstraints -> SlabLayout: arithmetic alone
//   Slots/    which slot a memory gets: affinity, warm limit, eviction, quarantine
//   Images/   a module's initial memory, as a file that is mapped copy-on-write
//   Keys/     protection keys: one a stripe
//   Memory/   MemoryPool, its slots and leases, the mapping primitive
//   Reset/    bringing a used slot back to its image
//   Faults/   userfaultfd: who fills pages, and which accesses are out of bounds
//
// Invariants of the whole:
//   - A slot that is handed out reads, in all bytes that its guest can reach, like its
//     image and zeros behind it. A slot of which that is not known is never handed out.
//   - Every address of a slot that its guest can reach is accessible under its stripe's
//     key alone.
//   - A lease gives its slot back on every path.
//
// It knows nothing of WebAssembly but page counts, and imports CAviaryHost alone.
