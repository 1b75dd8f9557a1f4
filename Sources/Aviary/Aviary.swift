// Aviary, the embedding API: the only place that joins the compilers and the
// runtime.
//
//   Config/     what an embedder may choose: engine, limits, limiter
//   Errors/     WasmError, Trap
//   Types/      value, function and extern types as users see them
//   Values/     values and how they cross the border
//   Engine, Module, ArtifactFile
//   Link/       Linker, host functions, LinkedModule, instantiation
//   Pool/       InstancePool, what a pooling engine takes and tells
//   Store/      Store, Instance, Memory, Table, Global, Tag, Caller
//   Functions/  untyped and typed calls
//
// Invariants of this target:
//  - no public signature holds a raw pointer;
//  - no number that a guest chose reaches a Swift precondition: guest addresses
//    and lengths go through `MemoryView.range`, table indices through `Table.check`;
//  - a handle is used with the store it came from, or throws.
