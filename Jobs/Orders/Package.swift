// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "Orders",
    dependencies: [.package(name: "Millrace", path: "../..")],
    targets: [
        .executableTarget(
            name: "Orders",
            dependencies: [.product(name: "Millrace", package: "Millrace")]
        ),
        .testTarget(
            name: "OrdersTests",
            dependencies: [
                "Orders", .product(name: "MillraceTestKit", package: "Millrace"),
            ]
        ),
    ]
)
