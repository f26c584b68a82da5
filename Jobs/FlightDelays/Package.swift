// swift-tools-version: 6.2
import PackageDescription

/// A job and its tests.
func job(_ name: String) -> [Target] {
    [
        .executableTarget(
            name: name,
            dependencies: [.product(name: "Millrace", package: "Millrace")]
        ),
        .testTarget(
            name: "\(name)Tests",
            dependencies: [
                .target(name: name), .product(name: "MillraceTestKit", package: "Millrace"),
            ]
        ),
    ]
}

let package = Package(
    name: "FlightDelays",
    dependencies: [.package(name: "Millrace", path: "../..")],
    targets: job("FlightDelays") + job("FlightWeather")
)
