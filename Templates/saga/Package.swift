// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "SagaTemplate",
    dependencies: [.package(name: "Millrace", path: "../..")],
    targets: [
        .executableTarget(
            name: "SagaTemplate",
            dependencies: [.product(name: "Millrace", package: "Millrace")]
        ),
        .testTarget(
            name: "SagaTemplateTests",
            dependencies: [
                "SagaTemplate", .product(name: "MillraceTestKit", package: "Millrace"),
            ]
        ),
    ]
)
