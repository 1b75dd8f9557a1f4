/// What a host function sees of who called it. Borrowed: it cannot outlive the call.
///
/// The methods for reading and writing memory (`string(at:count:)` and the like, see
/// `LinearMemoryAccess`) act on the calling instance's export "memory", else on its
/// memory 0. They throw `WasmError.host` where it has none, or where the host itself called.
public struct Caller<State>: ~Copyable, LinearMemoryAccess {
  /// Kept alive by whoever runs the call.
  @usableFromInline unowned(unsafe) let unmanagedContext: StoreContext
  /// Address of the calling instance's context; 0 where the host called.
  @usableFromInline let vmContext: UInt

  @inlinable init(context: StoreContext, vmContext: UInt) {
    unsafe self.unmanagedContext = context
    self.vmContext = vmContext
  }

  public var context: StoreContext { unsafe unmanagedContext }

  /// The store's state. Do not call into the guest while modifying it in place.
  public var state: State {
    get { box.value }
    nonmutating _modify { yield &box.value }
  }
  @usableFromInline var box: StateBox<State> { unsafe unsafeDowncast(unmanagedContext.state, to: StateBox<State>.self) }

  public func memoryRecord() throws(WasmError) -> MemoryRecord { throw notYet() }

  /// The calling instance; nil where the host called.
  public var instance: Instance? { nil }

  /// The memory that the methods of this type act on.
  public func memory() throws(WasmError) -> Memory { throw notYet() }

  /// An export of the calling instance.
  public func export(_ name: String) -> Extern? { instance?.export(name) }
}
