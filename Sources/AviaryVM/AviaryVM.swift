import AviaryPool

// AviaryVM: the runtime proper. It takes validated modules and artifacts and
// runs them; it never compiles.
//
//   Linux/       the sole caller of system calls; failures are `VMError`s
//   CodeMemory/  machine code: dual mapping, registered ranges, pc -> function
//   Types/       engine-wide type identity
//   Memory/, Tables/, Stacks/
//   Store/       engine, store, calls into the guest, deadlines
//   Instance/    contexts, imports, segments, instantiation
//   Traps/       what is left of a trap, backtraces
//   Builtins/    what machine code calls
//
// Ownership: an engine outlives its stores; a store owns instances, memories,
// tables, globals and host functions, all of which live as long as the store
// (docs/abi.md promises it to machine code), and retains the modules whose code
// they run. Handles (VMFunction, VMMemory, …) retain the store and carry its
// identity: everything that takes a handle checks that it belongs to the store.
