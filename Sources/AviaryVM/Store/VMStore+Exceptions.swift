import AviaryContract
import AviaryPool
package import CAviaryContract
import CAviaryHost

/// An exception that no guest caught.
package struct VMException: @unchecked Sendable {
  package let tag: VMTag
  /// Of the types of `tag.values`. References to exceptions among them are good until guests run again.
  package let values: [AviaryValue]
  /// Where it was thrown; its code says nothing.
  package let place: VMTrap
}

/// An error of the embedder's that is an exception of guests: host functions that throw it throw it into their caller.
package protocol VMGuestException: Error {
  /// - Throws: why it cannot be thrown in this store.
  func exception(in store: VMStore) throws -> (tag: VMTag, values: [AviaryValue])
}

extension VMStore {
  /// What a host function's error comes to: 0 where a guest catches it, or has to stop before; else it is kept, and the
  /// guest's call ends with it.
  ///
  /// - Precondition: the innermost activation is in a host function, or suspended in one.
  func settle(_ error: any Error) -> UInt32 {
    guard let exception = error as? any VMGuestException else {
      hostError = error
      return AVIARY_TRAP_HOST.rawValue
    }
    do {
      if try throwIntoGuest(exception) { return 0 }
      hostError = error
    } catch { hostError = error }
    return AVIARY_TRAP_HOST.rawValue
  }

  /// Makes a suspended guest go on with what its asynchronous host function threw, where it catches it: it is then to be
  /// resumed. False where the call ends with the error.
  ///
  /// - Throws: what the call ends with instead.
  package func resumes(_ fiber: VMFiber, with error: any Error) throws -> Bool {
    guard let exception = error as? any VMGuestException, fiber.hostCall != nil,
      // A call inside of it may have been left behind, suspended: that is not whom it is for.
      unsafe aviary_fiber_current(&raw.pointee.context) == fiber.words
    else { return false }
    return try throwIntoGuest(exception)
  }

  private func throwIntoGuest(_ error: any VMGuestException) throws -> Bool {
    let (tag, values) = try error.exception(in: self)
    guard makeCurrent(tag, values) else {
      throw VMError.system(operation: "throwing an exception", error: "ENOMEM", bytes: 0)
    }
    return unsafe aviary_exception_throw(raw)
  }

  /// Unsafe contract: the values are of the tag's types, and of this store.
  private func makeCurrent(_ tag: VMTag, _ values: [AviaryValue]) -> Bool {
    precondition(tag.store === self, "an exception's tag is of its store")
    let identity = unsafe tag.identity.assumingMemoryBound(to: AviaryTag.self)
    guard let exception = unsafe aviary_exception_make(raw, identity) else { return false }
    unsafe precondition(values.count == Int(exception.pointee.count), "an exception has the values of its tag")
    unsafe VMStore.values(exception).update(from: values, count: values.count)
    return true
  }

  private static func values(_ exception: UnsafeMutablePointer<AviaryException>) -> UnsafeMutablePointer<AviaryValue> {
    unsafe UnsafeMutableRawPointer(exception).advanced(by: Int(AVIARY_EXCEPTION_VALUES))
      .assumingMemoryBound(to: AviaryValue.self)
  }

  private func describe(_ exception: UnsafeMutablePointer<AviaryException>, _ place: VMTrap) -> VMException {
    let tag = unsafe UnsafeMutableRawPointer(mutating: exception.pointee.tag!)
    return unsafe VMException(
      tag: VMTag(store: self, typeID: exception.pointee.tag.pointee.type_id, identity: tag),
      values: Array(UnsafeBufferPointer(start: VMStore.values(exception), count: Int(exception.pointee.count))),
      place: place)
  }

  /// The exception that the last call ended with. Before any other call.
  func uncaughtException() -> VMException? {
    guard let exception = unsafe raw.pointee.exceptions.current else { return nil }
    return unsafe describe(exception, VMTrap(.uncaughtException, store: self))
  }

  // MARK: References

  /// Makes an exception that is kept as long as something refers to it: the caller holds it before any other call. nil
  /// where there is no memory, or too many are referred to.
  ///
  /// Unsafe contract: the values are of the tag's types, and of this store; none is a reference that nothing keeps.
  package func makeException(unsafe tag: VMTag, _ values: [AviaryValue]) -> UInt64? {
    guard makeCurrent(tag, values), let exception = unsafe aviary_exception_keep(raw) else { return nil }
    return UInt64(UInt(bitPattern: exception))
  }

  /// Tag and values behind a reference.
  ///
  /// Unsafe contract: a reference of this store, not null, that something keeps.
  package func exception(unsafe reference: UInt64) -> VMException {
    unsafe describe(UnsafeMutablePointer(bitPattern: UInt(reference)).unsafelyUnwrapped, VMTrap(.uncaughtException))
  }

  /// Keeps the exception behind a reference for a handle of the host's, or lets it go again.
  ///
  /// Unsafe contract: 0, or a reference of this store that something keeps.
  package func hold(unsafe reference: UInt64) { aviary_exception_hold(reference, 1) }
  package func letGo(unsafe reference: UInt64) { aviary_exception_hold(reference, -1) }

  /// Exceptions that references exist to, as far as is known, and how often they were collected: for tests.
  package var exceptionCount: Int { unsafe raw.pointee.exceptions.count }
  package var exceptionBytes: Int { unsafe raw.pointee.exceptions.bytes }
  package var exceptionCollections: Int { unsafe raw.pointee.exceptions.collections }
  package func collectExceptions() { unsafe aviary_exception_collect(raw) }
}
