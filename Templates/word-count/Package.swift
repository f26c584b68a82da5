// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "WordCountTemplate",
    dependencies: [.package(name: "Millrace", path: "../..")],
    targets: [
        .executableTarget(
            name: "WordCountTemplate",
            dependencies: [.product(name: "Millrace", package: "Millrace")]
        ),
        .testTarget(
            name: "WordCountTemplateTests",
            dependencies: [
                "WordCountTemplate", .product(name: "MillraceTestKit", package: "Millrace"),
            ]
        ),
    ]
)
