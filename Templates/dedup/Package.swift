// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "DedupTemplate",
    dependencies: [.package(name: "Millrace", path: "../..")],
    targets: [
        .executableTarget(
            name: "DedupTemplate",
            dependencies: [.product(name: "Millrace", package: "Millrace")]
        ),
        .testTarget(
            name: "DedupTemplateTests",
            dependencies: [
                "DedupTemplate", .product(name: "MillraceTestKit", package: "Millrace"),
            ]
        ),
    ]
)
