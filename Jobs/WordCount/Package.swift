// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "WordCount",
    dependencies: [.package(name: "Millrace", path: "../..")],
    targets: [
        .executableTarget(
            name: "WordCount",
            dependencies: [.product(name: "Millrace", package: "Millrace")]
        ),
        .testTarget(
            name: "WordCountTests",
            dependencies: [
                "WordCount", .product(name: "MillraceTestKit", package: "Millrace"),
            ]
        ),
    ]
)
