/// Makes validated modules of bytes.
///
/// Order: sections are decoded, declarations checked, then constant expressions, then
/// bodies (in parallel). Where something is wrong, a violation of the binary grammar anywhere wins over
/// one of typing, as in the reference interpreter, which decodes all before it validates.
///
/// Source: WebAssembly 3.0 section 3.5.
package enum ModuleValidator {
  /// - Parameter parallelism: threads at most; 0 for as many as there are processors.
  package static func validate(
    bytes: ModuleBytes, features: Features = .standard, parallelism: Int = 0
  ) throws(ModuleError) -> ValidatedModule {
    let outcome = ModuleDecoder.attempt(bytes, features: features)
    if let error = outcome.error {
      throw BodyGrammar.firstError(in: outcome.info) ?? error
    }
    do throws(ModuleError) {
      return try validate(outcome.info, parallelism: parallelism)
    } catch {
      guard error.kind != .malformed || error.message.hasPrefix("END opcode") else { throw error }
      throw BodyGrammar.firstError(in: outcome.info) ?? error
    }
  }

  private static func validate(_ decoded: ModuleInfo, parallelism: Int) throws(ModuleError) -> ValidatedModule {
    var info = decoded
    var declarations = DeclarationValidator(info)
    try declarations.validate()
    info.canonicalTypes = declarations.types.canonical

    var facts = ModuleFacts()
    facts.escapes = DeclaredFunctions.find(in: info)
    let tables = ModuleTables(info, declarations.types.storage, declared: facts.escapes)
    try ExpressionsValidator.validate(tables)
    try declarations.validateStart()
    facts.hasForeignTailCalls = try BodyValidation.validate(tables, parallelism: parallelism)
    try declarations.validateExports()
    return ValidatedModule(info: info, facts: facts)
  }
}

extension ValidatedModule {
  /// A module that was validated before, by us: its sections are decoded, its bodies
  /// left alone. For artifacts of our own, whose bytes are vouched for by a hash.
  ///
  /// - Parameter hasForeignTailCalls: the fact of that name; the others are found again.
  package static func trusting(
    _ bytes: ModuleBytes, features: Features, hasForeignTailCalls: Bool
  ) throws(ModuleError) -> ValidatedModule {
    var info = try ModuleDecoder.decode(bytes, features: features)
    var types = TypeSectionValidator(info.types)
    try types.validate(groups: info.recursionGroups)
    info.canonicalTypes = types.canonical
    var facts = ModuleFacts()
    facts.escapes = DeclaredFunctions.find(in: info)
    facts.hasForeignTailCalls = hasForeignTailCalls
    return ValidatedModule(info: info, facts: facts)
  }
}
