package import AviaryCore

/// A value type with engine-wide meaning: a concrete heap type is a canonical id
/// in place of a module's type index.
package struct VMValueType: Hashable, Sendable {
  /// With index 0 where it is concrete.
  package let kind: ValueType
  /// The canonical id of a concrete heap type, else 0.
  package let typeID: UInt32

  /// - Precondition: `kind` is not a concrete reference.
  package init(_ kind: ValueType) {
    precondition(!(kind.isReference && kind.heapType.isConcrete))
    self.kind = kind
    typeID = 0
  }

  /// A module's type; `ids` maps its type indices.
  /// - Precondition: the index is in range, as it is for validated modules.
  package init(_ type: ValueType, ids: some RandomAccessCollection<UInt32>) {
    if type.isReference, type.heapType.isConcrete {
      kind = .reference(.concrete(0), nullable: type.isNullable)
      typeID = ids[ids.index(ids.startIndex, offsetBy: Int(type.heapType.typeIndex))]
    } else {
      kind = type
      typeID = 0
    }
  }

  package init(reference typeID: UInt32, nullable: Bool) {
    kind = .reference(.concrete(0), nullable: nullable)
    self.typeID = typeID
  }
}

package struct VMFunctionType: Hashable, Sendable {
  package let parameters: [VMValueType]
  package let results: [VMValueType]
  package init(parameters: [VMValueType], results: [VMValueType]) {
    self.parameters = parameters
    self.results = results
  }
  package init(_ type: FunctionType, ids: [UInt32]) {
    parameters = type.parameters.map { VMValueType($0, ids: ids) }
    results = type.results.map { VMValueType($0, ids: ids) }
  }
}
