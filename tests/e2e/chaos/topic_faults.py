"""Faults of topics: new partitions, recreated topics, deleted records, and dead letter topics that reject records."""

import contextlib
import time

from history import Deletion, Recreation
from waiting import eventually

DEAD_LETTER_WAIT = 10        # seconds to wait for a dead letter, which may never come
MAX_FILL = 200          # records written to each partition of a new log at once
NEVER_DROPPING = ("ordered", "latest", "sticky", "made")     # the connectors that never drop a record


class TopicFaults:
    """Changes the topics of a World. `acts`: kind of fault -> function. Only one thread changes topics."""

    def __init__(self, world):
        self._world = world
        self.acts = {"partitions added": self._add_partitions, "topic added": self._add_topic,
                     "topic recreated": self._recreate, "recreated while paused": self._recreate_held("pause"),
                     "recreated while stopped": self._recreate_held("stop"), "DeleteRecords": self._delete_waiting,
                     "DeleteRecords while stopped": self._delete_stopped,
                     "dead letter too large": self._reject_dead_letters("max.message.bytes", "1"),
                     "dead letter not replicated": self._reject_dead_letters("min.insync.replicas", "2")}

    def _topic(self, fault):
        topics = self._world.connector(fault.connector).topics
        return topics[fault.number % len(topics)]

    # New logs

    def _add_partitions(self, fault):
        topic = self._topic(fault)
        state, writer = self._world.topics[topic], self._world.writer
        before, now = state.partitions, state.partitions + fault.count
        with self._world.cluster:
            self._world.kafka.add_partitions(topic, now)
        writer.resume(topic, now, state.incarnation)
        writer.fill(topic, range(before, now), 10)
        time.sleep(fault.duration)

    def _add_topic(self, fault):
        topics = self._world.connector("latest").topics
        with self._world.cluster:
            topic = self._world.kafka.topic(fault.count, name=f"{self._world.regex_prefix}-{len(topics)}")
        topics.append(topic)
        self._world.writer.add(topic, fault.count)
        self._world.writer.fill(topic, range(fault.count), 10)
        time.sleep(fault.duration)

    # Recreated logs

    def _recreate(self, fault):
        self._world.recreations.append(self._recreate_topic(fault))
        time.sleep(fault.duration)

    def _recreate_held(self, how):
        def act(fault):
            with self._world.suspended(fault.connector, how):
                time.sleep(fault.duration / 2)
                recreation = self._recreate_topic(fault)
                time.sleep(fault.duration / 2)
            self._world.recreations.append(recreation._replace(end=time.time()))
        return act

    def _recreate_topic(self, fault):
        """Recreates a topic. The new log is shorter or longer than the old one, without growing into it."""
        connector, writer, kafka = self._world.connector(fault.connector), self._world.writer, self._world.kafka
        # Without a commit the group of `latest` would start at the end again, so one of its topics stays.
        topics = connector.topics[1:] if fault.connector == "latest" else connector.topics
        topic, group = topics[fault.number % len(topics)], connector.name
        state = self._world.topics[topic]
        writer.pause(topic)
        with self._world.cluster:
            ends, committed = kafka.ends(topic), kafka.committed(group, topic)
            begin = time.time()
            kafka.delete_topic(topic)
            gone = time.time()
            time.sleep(1)       # a commit in flight would apply to the new topic, a documented limitation
            kafka.topic(state.made_with, name=topic)
            # A broker that dies before it deletes the group's offsets would keep them.
            eventually(lambda: all(now == 0 or now != committed[one]
                                   for one, now in kafka.committed(group, topic).items()), "the offsets are deleted")
        writer.resume(topic, state.made_with, state.incarnation + 1)
        writer.fill(topic, range(state.made_with), min(MAX_FILL, 5 + int(1.2 * fault.share * max(ends.values()))))
        return Recreation(topic, begin, gone, time.time())

    # Deleted records

    def _delete_waiting(self, fault):
        """Deletes records while they wait for a retry; the connector may hold some of them in memory."""
        role = fault.connector
        if role not in NEVER_DROPPING:
            role = NEVER_DROPPING[fault.number % len(NEVER_DROPPING)]
        topics = self._world.connector(role).topics
        topic = topics[fault.number % len(topics)]
        with self._rejecting(topic, "DeleteRecords"):
            self._world.writer.fill(topic, range(self._world.topics[topic].partitions), 60)
            time.sleep(fault.duration)
            self._delete(role, topic, fault.share)
            if fault.count > 1:
                self._world.call("POST", f"/connectors/{self._world.name(role)}/restart?includeTasks=true")
            time.sleep(fault.duration / 2)

    @contextlib.contextmanager
    def _rejecting(self, topic, fault):
        self._world.rejected_topics[fault] = topic
        try:
            yield
        finally:
            del self._world.rejected_topics[fault]

    def _delete_stopped(self, fault):
        with self._world.suspended(fault.connector, "stop"):
            time.sleep(fault.duration)
            self._delete(fault.connector, self._topic(fault), fault.share)

    def _delete(self, role, topic, share):
        """Deletes uncommitted records of each partition that has a commit: without one the program could not notice."""
        kafka, state = self._world.kafka, self._world.topics[topic]
        with self._world.cluster:
            committed, ends = kafka.committed(self._world.connector(role).name, topic), kafka.ends(topic)
            befores = {one: committed[one] + max(1, int(share * (end - committed[one])))
                       for one, end in ends.items() if 0 < committed[one] < end}
            begin = time.time()
            if befores:
                kafka.delete_records(topic, befores)
            self._world.deletions += [Deletion((topic, one, state.incarnation), before, begin, time.time())
                                      for one, before in befores.items()]

    # A dead letter topic that rejects records

    def _reject_dead_letters(self, key, value):
        def act(fault):
            world = self._world
            logs = [one.sidecar.log for one in world.members if one.sidecar.log]
            already = sum(len(log.find("dead letter")) for log in logs)
            with world.cluster:
                world.kafka.configure(world.dead_letters, {key: value})
            with contextlib.suppress(AssertionError):
                eventually(lambda: sum(len(one.sidecar.log.find("dead letter")) for one in world.members
                                       if one.sidecar.log) > already, "a dead letter is rejected", DEAD_LETTER_WAIT)
            time.sleep(fault.duration)
            with world.cluster:
                world.kafka.configure(world.dead_letters, {})
            time.sleep(1)       # for dead letters in flight
            world.restart_failed("keyed")
        return act
