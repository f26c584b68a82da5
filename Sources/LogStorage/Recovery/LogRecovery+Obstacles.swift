import LogModel

/// What is done where the reading of a log is stopped.
extension LogRecovery {
    mutating func handle(
        _ obstacle: Obstacle,
        _ step: RecoveryPlan.Step,
        rest: ArraySlice<RecoveryPlan.Step>
    ) throws(LogStorageError) {
        let isBehindVouched =
            facts.tail == .keepWhole
            && (step.base, obstacle.position)
                >= (facts.end.segment, facts.end.position)
        // A reading that may be given up cuts nothing.
        guard isBehindVouched, epochSource != .batches else {
            hasTail = isBehindVouched
            return note(
                damage: obstacle.reason,
                in: state.active,
                at: obstacle.position,
                wayOut: wayOut(obstacle, step, rest: rest)
            )
        }
        let byteCount = rest.reduce(step.byteCount - obstacle.position) { $0 + $1.byteCount }
        let active = state.active
        let files = files
        try onDisk { () throws(DiskError) in
            let file = try active.file.file()
            try file.truncate(to: obstacle.position)
            try file.sync()
            for step in rest { try files.removeSegment(step.base) }
            if !rest.isEmpty { try files.disk.syncDirectory(files.directory) }
        }
        state.directoryIsDirty = true
        report.cut = RecoveryReport.Cut(
            offset: state.logEnd,
            byteCount: byteCount,
            reason: obstacle.reason
        )
    }

    /// How a person gives up what lies behind the last whole batch; nil where it is known to have
    /// been acknowledged, and a copy has to be put back.
    private func wayOut(
        _ obstacle: Obstacle,
        _ step: RecoveryPlan.Step,
        rest: ArraySlice<RecoveryPlan.Step>
    ) -> UnknownTail? {
        guard case .unknown = facts.tail, facts.suspicion == nil,
            (step.base, obstacle.position) >= (facts.end.segment, facts.end.position)
        else { return nil }
        return UnknownTail(
            file: files.path(step.base, .log),
            position: obstacle.position,
            byteCount: step.byteCount - obstacle.position,
            later: rest.map { files.path($0.base, .log) }
        )
    }

    mutating func note(
        damage reason: String,
        in segment: Segment?,
        at position: Int64,
        wayOut: UnknownTail? = nil
    ) {
        let path = segment?.file.path ?? files.directory
        report.damage = RecoveryReport.Damage(
            offset: state.logEnd,
            file: path,
            position: position,
            reason: reason,
            wayOut: wayOut?.command
        )
        var text = "\(path), byte \(position), offset \(state.logEnd.rawValue): \(reason)"
        if case .unknown(let why) = facts.tail {
            text += "; \(why), so nothing was cut"
            if let wayOut { text += "; \(wayOut)" }
        } else {
            text +=
                "; everything up to \(facts.end.offset.rawValue) was acknowledged, so this is "
                + "damage and nothing was cut"
        }
        state.readOnlyReason = text
    }

    /// Whether all that a segment has to have lies in front of what stopped its reading.
    func isBehindAll(
        _ obstacle: Obstacle,
        of step: RecoveryPlan.Step,
        next: Offset
    ) -> Bool {
        state.compacted.isWhole(step.base, upTo: obstacle.position, state.logEnd, next: next)
    }
}
