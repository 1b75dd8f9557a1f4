/// A number that came from a guest, or from the embedder, and stands for a place or a
/// length in a memory or table.
///
/// 32-bit numbers are extended with zeros, signed ones too: the standard's addresses have no
/// sign. A negative `Int` is out of any range. Nothing is trusted before a range check.
public protocol GuestAddress {
  var guestAddress: UInt64 { get }
}
extension Int32: GuestAddress {
  @inlinable public var guestAddress: UInt64 { UInt64(UInt32(bitPattern: self)) }
}
extension UInt32: GuestAddress {
  @inlinable public var guestAddress: UInt64 { UInt64(self) }
}
extension Int64: GuestAddress {
  @inlinable public var guestAddress: UInt64 { UInt64(bitPattern: self) }
}
extension UInt64: GuestAddress {
  @inlinable public var guestAddress: UInt64 { self }
}
extension Int: GuestAddress {
  @inlinable public var guestAddress: UInt64 { UInt64(bitPattern: Int64(self)) }
}
extension UInt: GuestAddress {
  @inlinable public var guestAddress: UInt64 { UInt64(self) }
}
