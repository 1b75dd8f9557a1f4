import AviaryVM

/// What a runtime's store keeps that serves one tenant after the other: whose instance it holds, and where
/// it rests between them.
///
/// A store is such a one when the first thing that happened in it was the instantiation of a module that
/// imports host functions only, and nothing else was made in it. Its instance, host functions, tables and stack
/// then stay, are brought back to what they were before the guest's first instruction, and are given to the
/// next store that instantiates the same linked module. Memories are taken from the engine's pool each time.
final class StoreHome {
  let module: Module
  private let hostFunctions: [HostFunctionOfStore]

  init(_ module: Module, _ hostFunctions: [HostFunctionOfStore]) {
    self.module = module
    self.hostFunctions = hostFunctions
  }

  /// nil for a store that serves one tenant only.
  static func of(_ store: VMStore) -> StoreHome? {
    // Nobody else gives stores a home.
    store.home.map { unsafe unsafeDowncast($0, to: StoreHome.self) }
  }

  func function(_ definition: HostDefinition) -> VMFunctionReference? {
    hostFunctions.first { $0.definition === definition }?.function
  }
}
