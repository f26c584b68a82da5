// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "JoinTemplate",
    dependencies: [.package(name: "Millrace", path: "../..")],
    targets: [
        .executableTarget(
            name: "JoinTemplate",
            dependencies: [.product(name: "Millrace", package: "Millrace")]
        ),
        .testTarget(
            name: "JoinTemplateTests",
            dependencies: [
                "JoinTemplate", .product(name: "MillraceTestKit", package: "Millrace"),
            ]
        ),
    ]
)
