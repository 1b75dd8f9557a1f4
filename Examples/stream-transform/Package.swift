// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "stream-transform",
  products: [.library(name: "StreamTransform", targets: ["StreamTransform"])],
  dependencies: [
    .package(name: "aviary", path: "../.."),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
  ],
  targets: [
    .target(
      name: "StreamTransform",
      dependencies: [.product(name: "Aviary", package: "aviary")]),
    .executableTarget(
      name: "stream-transform",
      dependencies: ["StreamTransform", .product(name: "ArgumentParser", package: "swift-argument-parser")]),
    .testTarget(
      name: "StreamTransformTests", dependencies: ["StreamTransform", .product(name: "Aviary", package: "aviary")]),
  ]
)
