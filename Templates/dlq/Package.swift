// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "DlqTemplate",
    dependencies: [.package(name: "Millrace", path: "../..")],
    targets: [
        .executableTarget(
            name: "DlqTemplate",
            dependencies: [.product(name: "Millrace", package: "Millrace")]
        ),
        .testTarget(
            name: "DlqTemplateTests",
            dependencies: [
                "DlqTemplate", .product(name: "MillraceTestKit", package: "Millrace"),
            ]
        ),
    ]
)
