import Glibc

/// What is fuzzed: `MILLRACE_FUZZ_TARGET` chooses one by its name.
enum FuzzTarget: String, CaseIterable {
    case frames
    case requests
    case batches
    case disk

    /// Feeds it some bytes. Nothing may trap, run on for ever, or take memory without bounds.
    func run(_ bytes: UnsafeRawBufferPointer) {
        switch self {
        case .frames: FrameFuzzing.run(bytes)
        case .requests: RequestFuzzing.run(bytes)
        case .batches: BatchFuzzing.run(bytes)
        case .disk: DiskFuzzing.run(bytes)
        }
    }

    static let chosen: FuzzTarget = {
        let name = getenv("MILLRACE_FUZZ_TARGET").map { String(cString: $0) } ?? ""
        guard let target = FuzzTarget(rawValue: name) else {
            let names = allCases.map(\.rawValue).joined(separator: ", ")
            fatalError("MILLRACE_FUZZ_TARGET has to be one of \(names), not '\(name)'")
        }
        return target
    }()
}

/// The package manager links executables by a main of its own name, so libFuzzer's is not there.
@main enum FuzzDriver {
    static func main() {
        var count = CommandLine.argc
        var words: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
        exit(runDriver(&count, &words, testOneInput))
    }
}

/// In libFuzzer: reads its options, and calls the function until a finding or the end.
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<CInt>,
    _ words: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
    _ function: @convention(c) (UnsafePointer<UInt8>, Int) -> CInt
) -> CInt

@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    FuzzTarget.chosen.run(UnsafeRawBufferPointer(start: bytes, count: count))
    return 0
}
