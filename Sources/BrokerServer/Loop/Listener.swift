import CUV
import Security

/// A port or a Unix socket that is listened on, and what holds for who comes through it. Touched by
/// its loop's thread alone, and by the one that starts it before there is that thread.
final class Listener {
    let handle: StreamHandle
    /// What clients and settings call it; empty for a Unix socket.
    let name: String
    /// Whether who connects has to say who it is.
    let usesSASL: Bool
    /// What its encryption is made with; nil where there is none.
    let context: TLSContext?
    unowned let loop: ServerLoop

    /// A Unix socket, which only this user's processes reach.
    init(local loop: ServerLoop, _ handle: StreamHandle) {
        self.handle = handle
        self.loop = loop
        name = ""
        usesSASL = false
        context = nil
        noteItself()
    }

    init(
        _ configuration: ListenerConfiguration,
        _ security: ServerSecurity,
        _ handle: StreamHandle,
        of loop: ServerLoop
    ) throws(ServerError) {
        self.handle = handle
        self.loop = loop
        name = configuration.name
        usesSASL = configuration.security.usesSASL
        context = try Self.context(configuration, security)
        noteItself()
    }

    private static func context(
        _ configuration: ListenerConfiguration,
        _ security: ServerSecurity
    ) throws(ServerError) -> TLSContext? {
        guard configuration.security.usesTLS else { return nil }
        guard let certificates = security.certificates else {
            throw .noEncryption(configuration, "it has no certificate (ssl.keystore.location)")
        }
        do throws(TLSError) {
            return try certificates.context(for: configuration.security)
        } catch {
            throw .noEncryption(configuration, error.description)
        }
    }

    private func noteItself() {
        // SAFETY: the loop keeps its listeners until their handles are closed.
        handle.handle.pointee.data = Unmanaged.passUnretained(self).toOpaque()
    }

    /// SAFETY: `data` is the listener that `noteItself` put there.
    static func of(_ data: UnsafeMutableRawPointer) -> Listener {
        Unmanaged<Listener>.fromOpaque(data).takeUnretainedValue()
    }
}
