import ArgumentParser
import Aviary

/// Which parts of WebAssembly a module may use.
struct FeatureOptions: ParsableArguments {
  @Option(
    name: .customLong("feature"),
    help: ArgumentHelp(
      "Switch a feature on, or off with \"no-\" before it; \"all\" for every one. May be repeated.",
      discussion: "Features: \(FeatureSwitch.names.map(\.name).joined(separator: ", ")).",
      valueName: "name"))
  var switches: [FeatureSwitch] = []

  /// Whether nothing was switched.
  var isDefault: Bool { switches.isEmpty }

  /// The standard's, with the switches applied in order.
  var features: WasmFeatures {
    switches.reduce(into: .standard) { features, item in
      if item.isOn { features.formUnion(item.features) } else { features.subtract(item.features) }
    }
  }
}

struct FeatureSwitch: ExpressibleByArgument {
  var features: WasmFeatures
  var isOn: Bool

  init?(argument: String) {
    isOn = !argument.hasPrefix("no-")
    let name = isOn ? argument : String(argument.dropFirst(3))
    if name == "all" {
      features = .all
    } else {
      guard let row = Self.names.first(where: { $0.name == name }) else { return nil }
      features = row.features
    }
  }

  static let names: [(name: String, features: WasmFeatures)] = [
    ("multi-value", .multiValue), ("bulk-memory", .bulkMemory), ("reference-types", .referenceTypes),
    ("sign-extension", .signExtension), ("saturating-conversions", .saturatingConversions), ("simd", .simd),
    ("relaxed-simd", .relaxedSIMD), ("multi-memory", .multiMemory), ("memory64", .memory64),
    ("tail-calls", .tailCalls), ("extended-constants", .extendedConstants),
    ("function-references", .functionReferences), ("gc", .garbageCollection), ("exceptions", .exceptions),
    ("threads", .threads), ("custom-page-sizes", .customPageSizes), ("wide-arithmetic", .wideArithmetic),
    ("legacy-exceptions", .legacyExceptions),
  ]
}
