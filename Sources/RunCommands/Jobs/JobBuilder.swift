import DirectoryAccess
import Foundation
import Glibc
import Terminal

/// A job's binary.
struct BuiltJob {
    let path: String
    /// Nobody else builds in its folder before it has begun to run.
    var lock: BuildLock?
}

/// Turns the word JOB of a command line into a binary: itself, or the release build of a package.
struct JobBuilder {
    let job: String
    /// Which executable of the package, where it has several.
    let product: String?

    /// The part of `swift package describe` that is needed.
    private struct Description: Decodable {
        struct Product: Decodable {
            var name: String
            var isExecutable: Bool

            enum CodingKeys: String, CodingKey {
                case name
                case type
            }

            init(from decoder: any Decoder) throws {
                let container = try decoder.container(keyedBy: CodingKeys.self)
                name = try container.decode(String.self, forKey: .name)
                // `"type": {"executable": null}` or `"type": {"library": ["automatic"]}`.
                let type = try container.decode([String: [String]?].self, forKey: .type)
                isExecutable = type.keys.contains("executable")
            }
        }

        /// A package in a folder has a path.
        struct Dependency: Decodable {
            var path: String?
        }

        struct Target: Decodable {
            var type: String
        }

        var name: String
        var products: [Product]
        var targets: [Target]
        var dependencies: [Dependency]

        /// The folder that the package takes Millrace from, as the builds of all jobs in one place
        /// need it; nil where it takes it from elsewhere.
        var sharedMillrace: String? {
            dependencies.compactMap(\.path).first(where: MillraceHome.isMillrace)
        }
    }

    /// The job's binary, built if need be.
    func binary() throws -> BuiltJob { try isProgram() ? BuiltJob(path: job) : build() }

    /// Whether JOB is a binary; false for a package.
    ///
    /// - Throws: where it is neither.
    func isProgram() throws(CommandFailure) -> Bool {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: job, isDirectory: &isFolder) else {
            throw CommandFailure(
                "there is no job '\(job)'",
                place: FileManager.default.currentDirectoryPath,
                reason: "neither a folder nor a file of that name exists",
                next: "millrace new NAME --path \(shellPath(job))"
            )
        }
        guard isFolder.boolValue else {
            guard FileManager.default.isExecutableFile(atPath: job) else {
                throw CommandFailure(
                    "the job is not a program",
                    place: job,
                    reason: "the file is not executable",
                    next: "give the folder of the job's package"
                )
            }
            return true
        }
        guard FileManager.default.fileExists(atPath: "\(job)/Package.swift") else {
            throw CommandFailure(
                "the folder is not a job",
                place: job,
                reason: "it has no Package.swift",
                next: "give the folder of a job's package; millrace new NAME makes one"
            )
        }
        return false
    }

    /// Builds the package's executable.
    private func build() throws -> BuiltJob {
        let home = try MillraceHome.find()
        let description = try describe(home)
        let product = try executableProduct(of: description)
        let place = try place(of: description, home)
        try compile(
            ["--configuration", "release", "--product", product],
            in: place.path,
            home,
            of: "the job is being built"
        )
        return BuiltJob(path: "\(place.path)/release/\(product)", lock: place.lock)
    }

    /// Builds the package's tests in debug, as `swift test` does.
    func buildTests() throws -> JobTests {
        let home = try MillraceHome.find()
        let description = try describe(home)
        guard description.targets.contains(where: { $0.type == "test" }) else {
            throw CommandFailure(
                "the job has no tests",
                place: job,
                reason: "its package has no test target",
                next:
                    "give its manifest a .testTarget, as that of a job has which millrace new NAME "
                    + "makes"
            )
        }
        let place = try place(of: description, home)
        try compile(
            ["--build-tests"],
            in: place.path,
            home,
            of: "the job's tests are being built"
        )
        return JobTests(
            job: job,
            buildPath: place.path,
            environment: Self.environment(home),
            lock: place.lock
        )
    }

    /// The folder that all jobs share, and the right to it; for one that has Millrace's sources
    /// from elsewhere its own, for what is made of two versions of them must not meet.
    private func place(
        of description: Description,
        _ home: MillraceHome
    ) throws -> (path: String, lock: BuildLock?) {
        guard let millrace = description.sharedMillrace else { return ("\(job)/.build", nil) }
        try JobFolder(path: job).requireDistinct(
            from: .folder(millrace),
            next: "give the job's folder another name"
        )
        let path = home.buildPath
        let lock = try BuildLock.take(in: path) { holder in
            TextOutput.error.write(
                "note: waits for \(holder), which builds or tests a job in \(visible(path))\n"
            )
        }
        try SharedBuild(home: home).forgetOtherSources()
        return (path, lock)
    }

    private func compile(
        _ words: [String],
        in buildPath: String,
        _ home: MillraceHome,
        of work: String
    ) throws {
        let shows = TextOutput.error.isTerminal
        // The package manager caches one build plan a folder, without asking whose it is.
        let tool = try ToolProcess.run(
            [
                "build", "--package-path", job, "--scratch-path", buildPath,
                "--disable-build-manifest-caching",
            ] + words,
            of: work,
            environment: Self.environment(home),
            shows: shows
        )
        guard tool.status == 0 else {
            if !shows { TextOutput.error.write(tool.output) }
            throw Self.failure(of: tool, job)
        }
    }

    /// Why a job was not built, its compiler's words being shown already.
    static func failure(of tool: ToolProcess, _ job: String) -> CommandFailure {
        switch tool.compilerSignal {
        case SIGKILL?:
            CommandFailure(
                "the build was broken off: something ended the compiler (SIGKILL)",
                place: job,
                reason: "a machine whose memory is full does that, or a person; the job itself may "
                    + "be right",
                next: "see that there is memory left (free -m), then run the command again"
            )
        case let number?:
            CommandFailure(
                "the build was broken off: the compiler crashed (signal \(number))",
                place: job,
                reason: "what it was at is above; the job itself may be right",
                next: "run the command again; if it ends so once more, write what it was at in "
                    + "another way"
            )
        case nil:
            CommandFailure(
                "the job does not compile",
                place: job,
                reason: "the compiler's words are above",
                next: "correct the job, then run the command again"
            )
        }
    }

    /// For manifests that take the Millrace package from there, as those that `millrace new` makes.
    private static func environment(_ home: MillraceHome) -> [String: String] {
        ["MILLRACE_HOME": home.path]
    }

    private func describe(_ home: MillraceHome) throws -> Description {
        let tool = try ToolProcess.run(
            [
                "package", "--package-path", job, "--scratch-path", home.buildPath, "describe",
                "--type", "json",
            ],
            of: "the job's package is being read",
            environment: Self.environment(home),
            shows: false
        )
        // Notes of the package manager may stand before the object.
        guard tool.status == 0, let start = tool.output.firstIndex(of: "{"),
            let description = try? JSONDecoder().decode(
                Description.self,
                from: Data(tool.output[start...].utf8)
            )
        else {
            TextOutput.error.write(tool.output)
            throw CommandFailure(
                "the job's package cannot be read",
                place: "\(job)/Package.swift",
                reason: "the package manager's words are above",
                next: "correct it, then run the command again"
            )
        }
        return description
    }

    private func executableProduct(of description: Description) throws(CommandFailure) -> String {
        let names = description.products.filter(\.isExecutable).map(\.name).sorted()
        guard !names.isEmpty else {
            throw CommandFailure(
                "the package is no job",
                place: job,
                reason: "it has no executable product",
                next: "give its manifest an .executableTarget, or the folder of another package; "
                    + "millrace new NAME makes one"
            )
        }
        if let product {
            guard names.contains(product) else {
                throw CommandFailure(
                    "the job's package has no executable '\(product)'",
                    place: job,
                    reason: "it has \(names.joined(separator: ", "))",
                    next: names.count == 1
                        ? "--product \(shellWord(names[0])), or leave --product out"
                        : "give one of them to --product"
                )
            }
            return product
        }
        if names.contains(description.name) { return description.name }
        guard let only = names.first, names.count == 1 else {
            throw CommandFailure(
                "the package has several executables",
                place: job,
                reason: "they are \(names.joined(separator: ", "))",
                next: "give one to --product"
            )
        }
        return only
    }
}
