import AviaryVM

/// What a host function sees of who called it. Borrowed: it cannot outlive the call.
///
/// The methods for reading and writing memory (`string(at:count:)` and the like, see
/// `LinearMemoryAccess`) act on the calling instance's export "memory", else on its
/// memory 0. They throw `WasmError.host` where it has none, or where the host itself called.
@safe
public struct Caller<State>: ~Copyable, LinearMemoryAccess {
  /// Kept alive by whoever runs the call.
  @usableFromInline unowned(unsafe) let unmanagedContext: StoreContext
  /// Address of the calling instance's context; 0 where the host called.
  @usableFromInline let vmContext: UInt

  @inlinable init(context: StoreContext, vmContext: UInt) {
    unsafe self.unmanagedContext = context
    self.vmContext = vmContext
  }

  /// The store's identity.
  public var context: StoreContext { unsafe unmanagedContext }

  /// The store's state. Do not call into the guest while modifying it in place: a host function that
  /// then uses the state would overlap with the modification.
  public var state: State {
    get { box.value }
    nonmutating _modify { yield &box.value }
  }
  @usableFromInline var box: StateContext<State> {
    // Linkers and stores of one State type only meet each other.
    unsafe unsafeDowncast(unmanagedContext, to: StateContext<State>.self)
  }

  private var caller: VMCaller? {
    guard vmContext != 0 else { return nil }
    return VMCaller(unsafe: context.usedRuntime, contextAddress: vmContext)
  }

  public func memoryRecord() throws(WasmError) -> MemoryRecord {
    let record = VMCaller.memoryRecord(unsafe: vmContext)
    guard record != 0 else { throw noMemory }
    return unsafe MemoryRecord(address: record)
  }

  private var noMemory: WasmError {
    .host(vmContext == 0 ? "the host function was called by the host: there is no memory" : "the calling instance has no memory")
  }

  /// The calling instance; nil where the host called.
  public var instance: Instance? {
    guard let runtime = caller?.instance else { return nil }
    return Instance(context: context, runtime: runtime)
  }

  /// The memory that the methods of this type act on.
  /// - Throws: `WasmError.host` where there is none.
  public func memory() throws(WasmError) -> Memory {
    guard let runtime = caller?.instance, let index = runtime.module.defaultMemory else { throw noMemory }
    return Memory(context, runtime.memory(index))
  }

  /// An export of the calling instance.
  public func export(_ name: String) -> Extern? { instance?.export(name) }

  /// An exported function of the calling instance, to call back into the guest.
  /// - Throws: `WasmError.host` where there is none.
  public func function(_ name: String) throws(WasmError) -> Function {
    guard let instance else { throw .host("the host function was called by the host: there are no exports") }
    return try instance.function(name)
  }
}
