// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "Sessions",
    dependencies: [.package(name: "Millrace", path: "../..")],
    targets: [
        .executableTarget(
            name: "Sessions",
            dependencies: [.product(name: "Millrace", package: "Millrace")]
        ),
        .testTarget(
            name: "SessionsTests",
            dependencies: [
                "Sessions", .product(name: "MillraceTestKit", package: "Millrace"),
            ]
        ),
    ]
)
