// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "FlightDelays",
    dependencies: [.package(name: "Millrace", path: "../..")],
    targets: [
        .executableTarget(
            name: "FlightDelays",
            dependencies: [.product(name: "Millrace", package: "Millrace")]
        )
    ]
)
