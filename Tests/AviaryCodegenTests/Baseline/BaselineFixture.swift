import AviaryCodegen
import AviaryContract
import AviaryCore
import AviaryText

/// Modules from text, compiled by the baseline.
enum BaselineFixture {
  static func module(_ wat: String) throws -> ValidatedModule {
    try ModuleValidator.validate(bytes: ModuleBytes(try WAT.encode(wat)), features: .all, parallelism: 1)
  }

  static func compile(
    _ wat: String, tunables: Tunables = Tunables(), parallelism: Int = 1
  ) throws -> Artifact {
    try ModuleCompiler(tunables: tunables, parallelism: parallelism).compile(try module(wat))
  }
}
