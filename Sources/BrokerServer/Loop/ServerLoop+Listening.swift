import BrokerAPI
import CUV
import Glibc
import Security

/// Listeners, and who comes through them.
extension ServerLoop {
    private static let waitingConnections: Int32 = 511

    func bind(
        _ asked: ListenerConfiguration,
        _ security: ServerSecurity
    ) throws(ServerError) -> ListenerConfiguration {
        let handle = StreamHandle(.network, of: loop)
        let listener: Listener
        do throws(ServerError) {
            listener = try Listener(asked, security, handle, of: self)
        } catch {
            // Without a listener it is nobody's but the loop's.
            listeners.append(Listener(local: self, handle))
            throw error
        }
        listeners.append(listener)
        let address = asked.address
        let bound = try SocketAddress.withResolved(address) { resolved in
            uv_tcp_bind(handle.tcp, resolved, 0)
        }
        guard bound == 0 else { throw .cannotListen(address, Self.words(bound)) }
        let listening = startListening(handle)
        guard listening == 0 else { throw .cannotListen(address, Self.words(listening)) }
        var result = asked
        result.address.port = SocketAddress.ownPort(of: handle.tcp) ?? address.port
        return result
    }

    func bind(to local: LocalSocket) throws(ServerError) {
        let descriptor = try local.bind()
        let handle = StreamHandle(.local, of: loop)
        listeners.append(Listener(local: self, handle))
        let opened = uv_pipe_open(handle.pipe, descriptor)
        guard opened == 0 else {
            close(descriptor)
            throw .cannotListenLocally(local.path, Self.words(opened))
        }
        let listening = startListening(handle)
        guard listening == 0 else {
            throw .cannotListenLocally(local.path, Self.words(listening))
        }
    }

    private func startListening(_ handle: StreamHandle) -> Int32 {
        uv_listen(handle.stream, Self.waitingConnections) { stream, status in
            guard let stream, let data = stream.pointee.data, status == 0 else { return }
            let listener = Listener.of(data)
            listener.loop.accept(from: listener)
        }
    }

    // MARK: Accepting

    private func accept(from listener: Listener) {
        let isLocal = listener.handle.kind == .local
        let handle = StreamHandle(listener.handle.kind, of: loop)
        lastNumber += 1
        let isAccepted = uv_accept(listener.handle.stream, handle.stream) == 0
        let host = isLocal ? "localhost" : SocketAddress.otherHost(of: handle.tcp) ?? "unknown"
        let machine = ConnectionMachine(
            ConnectionIdentity(
                number: lastNumber,
                host: host,
                ownHost: isLocal ? "" : SocketAddress.ownHost(of: handle.tcp) ?? "",
                listener: listener.name,
                isOwner: isLocal
            ),
            configuration,
            APITable.entries,
            gate: listener.usesSASL ? makeGate() : nil,
            isUnsecured: listener.context != nil,
            now: uv_hrtime()
        )
        let layer = listener.context.map { context in
            Result { () throws(TLSError) in try TLSLayer(context) }
        }
        let connection = SocketConnection(machine, handle, try? layer?.get(), of: self)
        if case .failure = layer { return connection.close() }
        guard isAccepted, stopDeadline == nil, connections.count < configuration.connectionLimit,
            hostCounts[host, default: 0] < configuration.connectionLimitPerHost
        else { return connection.close() }
        if !isLocal { uv_tcp_nodelay(handle.tcp, 1) }
        hostCounts[host, default: 0] += 1
        connections[lastNumber] = connection
        api.connectionOpened()
        connection.setReading(true)
    }

    private func makeGate() -> SaslGate {
        SaslGate(
            api.configuration.saslMechanisms,
            SaslServer.Randomness(secret: api.credentials.decoySecret)
        )
    }
}
