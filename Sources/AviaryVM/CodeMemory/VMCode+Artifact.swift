package import AviaryContract

extension VMCode {
  /// Bytes of machine code.
  package var size: Int { isEmpty ? 0 : text.count }

  /// The artifact again that this was made from: the mapped code is its only copy.
  package func artifact(_ tunables: Tunables) -> Artifact {
    let bytes = unsafe UnsafeRawBufferPointer(start: UnsafeRawPointer(bitPattern: text.lowerBound), count: size)
    return Artifact(
      fingerprint: tunables.fingerprint, cpu: cpu, text: unsafe [UInt8](bytes), functions: functions,
      traps: trapSites, addresses: addresses, exceptions: exceptions)
  }
}
