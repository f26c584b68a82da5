// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "WindowTemplate",
    dependencies: [.package(name: "Millrace", path: "../..")],
    targets: [
        .executableTarget(
            name: "WindowTemplate",
            dependencies: [.product(name: "Millrace", package: "Millrace")]
        ),
        .testTarget(
            name: "WindowTemplateTests",
            dependencies: [
                "WindowTemplate", .product(name: "MillraceTestKit", package: "Millrace"),
            ]
        ),
    ]
)
