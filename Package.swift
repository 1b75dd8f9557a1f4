// swift-tools-version: 6.2
import PackageDescription

// Every target compiles in Swift 6 mode with strict memory safety, and a
// warning is an error: unsafe code has a mechanical border (docs/tour.md).
let settings: [SwiftSetting] = [
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

func library(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(of name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .testTarget(
    name: name + "Tests",
    dependencies: [.byName(name: name)] + dependencies,
    swiftSettings: settings)
}

let package = Package(
  name: "aviary",
  products: [
    .library(name: "Aviary", targets: ["Aviary"]),
    .library(name: "AviaryWASI", targets: ["AviaryWASI"]),
    .library(name: "AviaryText", targets: ["AviaryText"]),
    .library(name: "AviaryMetrics", targets: ["AviaryMetrics"]),
    .executable(name: "aviary", targets: ["AviaryCLI"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
  ],
  targets: [
    // Types, opcode table, decoder, validator.
    .target(name: "AviaryCore", exclude: ["Opcodes/opcodes.tsv"], swiftSettings: settings),
    // WAT and WAST.
    library("AviaryText", ["AviaryCore"]),
    // What machine code may assume; the meeting place of compilers and runtime.
    .target(name: "CAviaryContract"),
    library("AviaryContract", ["AviaryCore", "CAviaryContract"]),
    // Compilers to x86-64: pure, no system call.
    library("AviaryCodegen", ["AviaryCore", "AviaryContract", "CAviaryContract"]),
    // Signals, assembly and system calls.
    .target(name: "CAviaryHost", dependencies: ["CAviaryContract"]),
    // System calls, and the pooled slab of linear memories.
    library("AviaryPool", ["CAviaryHost"]),
    // The runtime proper.
    library("AviaryVM", ["AviaryCore", "AviaryContract", "AviaryPool", "CAviaryContract", "CAviaryHost"]),
    // The public API: the only place that joins compilers and runtime.
    library("Aviary", ["AviaryCore", "AviaryText", "AviaryContract", "AviaryCodegen", "AviaryPool", "AviaryVM"]),
    // WASI preview 1 and the system calls behind it.
    .target(name: "CAviaryWASI"),
    library("AviaryWASI", ["Aviary", "AviaryPool", "CAviaryWASI"]),
    // An engine's numbers as swift-metrics: nothing else depends on it.
    .target(
      name: "AviaryMetrics",
      dependencies: ["Aviary", .product(name: "CoreMetrics", package: "swift-metrics")], swiftSettings: settings),
    // Runs .wast scripts; shared by the command and the tests.
    library("AviaryWast", ["Aviary", "AviaryCore", "AviaryText"]),
    .executableTarget(
      name: "AviaryCLI",
      dependencies: [
        "Aviary", "AviaryCore", "AviaryContract", "AviaryText", "AviaryWASI", "AviaryWast",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: settings),
    // Commands that tests run.
    .target(name: "AviaryProcesses", path: "Tests/AviaryProcesses", swiftSettings: settings),
    tests(of: "AviaryCore"),
    tests(of: "AviaryText", ["AviaryCore"]),
    tests(
      of: "AviaryCodegen",
      ["AviaryCore", "AviaryText", "AviaryContract", "AviaryProcesses", "CAviaryContract", "CAviaryHost"]),
    tests(of: "AviaryPool", ["CAviaryHost"]),
    tests(of: "AviaryVM", ["AviaryPool", "AviaryCore", "AviaryContract", "CAviaryContract", "CAviaryHost"]),
    // Tenants that behave badly, for the tests and for long runs (Fuzz/README.md).
    .target(
      name: "AviaryTenants", dependencies: ["Aviary", "AviaryPool", "AviaryText"], path: "Tests/AviaryTenants", swiftSettings: settings),
    .executableTarget(
      name: "aviary-tenants", dependencies: ["Aviary", "AviaryTenants"], path: "Fuzz/Tenants", swiftSettings: settings),
    // Many guests that are suspended at a time, for the same.
    .target(name: "AviaryFibers", dependencies: ["Aviary", "AviaryText"], path: "Tests/AviaryFibers", swiftSettings: settings),
    .executableTarget(
      name: "aviary-fibers", dependencies: ["Aviary", "AviaryFibers", "AviaryTenants"], path: "Fuzz/Fibers", swiftSettings: settings),
    // Host functions that overflow their stacks, in processes of their own.
    .target(
      name: "AviaryOverflow", dependencies: ["Aviary", "AviaryProcesses", "AviaryText", "CAviaryHost"], path: "Tests/AviaryOverflow",
      swiftSettings: settings),
    .executableTarget(
      name: "aviary-overflow", dependencies: ["Aviary", "AviaryOverflow"], path: "Fuzz/Overflow", swiftSettings: settings),
    tests(
      of: "Aviary",
      ["AviaryCore", "AviaryPool", "AviaryText", "AviaryTenants", "AviaryFibers", "AviaryOverflow", "aviary-overflow"]),
    tests(
      of: "AviaryMetrics",
      [
        "Aviary", .product(name: "CoreMetrics", package: "swift-metrics"),
        .product(name: "MetricsTestKit", package: "swift-metrics"),
      ]),
    tests(of: "AviaryWASI", ["Aviary", "CAviaryWASI"]),
    tests(of: "AviaryWast", ["Aviary", "AviaryText"]),
    .testTarget(name: "AviaryCLITests", dependencies: ["AviaryCLI", "AviaryProcesses"], swiftSettings: settings),
  ],
  swiftLanguageModes: [.v6]
)
