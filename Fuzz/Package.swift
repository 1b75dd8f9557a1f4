// swift-tools-version: 6.2
import Foundation
import PackageDescription

// Fuzzing, apart from the package proper: it needs unsafe flags and a runtime of its own.
// The targets are the package's sources by symbolic link, so that they are instrumented too.
//
//   Fuzz/run.sh            builds the fuzzers and runs them (see there)
//   swift run -c release mutate --count 10000 Corpus/modules/*.wasm
//
// AVIARY_FUZZER=1 in the environment builds with libFuzzer and AddressSanitizer; the mutation
// tester is built without.
let isFuzzing = ProcessInfo.processInfo.environment["AVIARY_FUZZER"] == "1"

let instrumented: [SwiftSetting] = isFuzzing ? [.unsafeFlags(["-sanitize=fuzzer,address"])] : []
let settings: [SwiftSetting] =
  [
    .strictMemorySafety(),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
  ] + instrumented

func fuzzer(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .executableTarget(
    name: name, dependencies: dependencies + ["CFuzzDriver"], swiftSettings: settings,
    linkerSettings: [.unsafeFlags(["-sanitize=fuzzer,address", "-use-ld=lld"])])
}

let package = Package(
  name: "aviary-fuzz",
  targets: [
    .target(name: "AviaryCore", exclude: ["Opcodes/opcodes.tsv"], swiftSettings: settings),
    .target(name: "AviaryText", dependencies: ["AviaryCore"], swiftSettings: settings),
    .target(name: "CAviaryContract"),
    .target(name: "AviaryContract", dependencies: ["AviaryCore", "CAviaryContract"], swiftSettings: settings),
    .target(
      name: "AviaryCodegen", dependencies: ["AviaryCore", "AviaryContract", "CAviaryContract"],
      swiftSettings: settings),
  ]
    + (isFuzzing
      ? [
        .target(name: "CFuzzDriver"),
        .target(name: "CAviaryWASI"),
        // Without what binds it to the rest of the package: no guest is needed to call it.
        .target(name: "AviaryWASI", dependencies: ["CAviaryWASI"], exclude: ["Define.swift"], swiftSettings: settings),
        fuzzer("FuzzWASI", ["AviaryWASI"]),
        fuzzer("FuzzModule", ["AviaryCore", "AviaryCodegen", "AviaryContract"]),
        fuzzer("FuzzText", ["AviaryCore", "AviaryText"]),
      ]
      : [
        .executableTarget(
          name: "mutate", dependencies: ["AviaryCore", "AviaryText", "AviaryCodegen", "AviaryContract"],
          swiftSettings: settings)
      ]),
  swiftLanguageModes: [.v6]
)
