"""What happens to topics under their connectors: they grow, go and come again, lose records, or refuse them."""

import contextlib
import time

from books import Deletion, Recreation
from waiting import eventually

WAITING = 10        # seconds for something to happen that need not, such as a dead letter
MOST = 200          # records that a new log gets at once, in a partition
WAIT_FOR_EVER = ("ordered", "latest", "sticky", "made")     # what the endpoint wants again is never dropped there


class TopicFaults:
    """Acts on the topics of a World; `acts` are by the kind of fault. Topics are changed by one thread only."""

    def __init__(self, world):
        self._world = world
        self.acts = {"partitions added": self._add_partitions, "topic added": self._add_topic,
                     "topic recreated": self._recreate, "recreated while paused": self._recreate_held("pause"),
                     "recreated while stopped": self._recreate_held("stop"), "DeleteRecords": self._delete_waiting,
                     "DeleteRecords while stopped": self._delete_stopped,
                     "dead letter too large": self._refuse_letters("max.message.bytes", "1"),
                     "dead letter not replicated": self._refuse_letters("min.insync.replicas", "2")}

    def _topic(self, fault):
        topics = self._world.sink(fault.connector).topics
        return topics[fault.number % len(topics)]

    # Logs that appear

    def _add_partitions(self, fault):
        topic = self._topic(fault)
        state, writer = self._world.topics[topic], self._world.writer
        before, now = state.partitions, state.partitions + fault.count
        with self._world.cluster:
            self._world.kafka.add_partitions(topic, now)
        writer.go_on(topic, now, state.incarnation)
        writer.fill(topic, range(before, now), 10)
        time.sleep(fault.lasts)

    def _add_topic(self, fault):
        topics = self._world.sink("latest").topics
        with self._world.cluster:
            topic = self._world.kafka.topic(fault.count, name=f"{self._world.growing}-{len(topics)}")
        topics.append(topic)
        self._world.writer.add(topic, fault.count)
        self._world.writer.fill(topic, range(fault.count), 10)
        time.sleep(fault.lasts)

    # Logs that go and come again

    def _recreate(self, fault):
        self._world.recreations.append(self._recreate_topic(fault))
        time.sleep(fault.lasts)

    def _recreate_held(self, how):
        def act(fault):
            with self._world.held(fault.connector, how):
                time.sleep(fault.lasts / 2)
                recreation = self._recreate_topic(fault)
                time.sleep(fault.lasts / 2)
            self._world.recreations.append(recreation._replace(end=time.time()))
        return act

    def _recreate_topic(self, fault):
        """The new log is shorter or longer than the old one, from its first moment on."""
        sink, writer, kafka = self._world.sink(fault.connector), self._world.writer, self._world.kafka
        # A group that starts at the end, and of which no commit is left, starts anew.
        topics = sink.topics[1:] if fault.connector == "latest" else sink.topics
        topic, group = topics[fault.number % len(topics)], sink.name
        state = self._world.topics[topic]
        writer.hold(topic)
        with self._world.cluster:
            ends, committed = kafka.ends(topic), kafka.committed(group, topic)
            begin = time.time()
            kafka.delete_topic(topic)
            gone = time.time()
            time.sleep(1)       # or a commit that is on its way meets the new topic, which the reference tells
            kafka.topic(state.made_with, name=topic)
            # A broker that dies before it has deleted the group's offsets keeps them, and nobody can tell.
            eventually(lambda: all(now == 0 or now != committed[one]
                                   for one, now in kafka.committed(group, topic).items()), "the offsets are deleted")
        writer.go_on(topic, state.made_with, state.incarnation + 1)
        writer.fill(topic, range(state.made_with), min(MOST, 5 + int(1.2 * fault.share * max(ends.values()))))
        return Recreation(topic, begin, gone, time.time())

    # Records that go

    def _delete_waiting(self, fault):
        """While records wait for an endpoint that wants them again; the connector may hold some of those that go."""
        role = fault.connector if fault.connector in WAIT_FOR_EVER else WAIT_FOR_EVER[fault.number % len(WAIT_FOR_EVER)]
        topics = self._world.sink(role).topics
        topic = topics[fault.number % len(topics)]
        with self._refused(topic, "DeleteRecords"):
            self._world.writer.fill(topic, range(self._world.topics[topic].partitions), 60)
            time.sleep(fault.lasts)
            self._delete(role, topic, fault.share)
            if fault.count > 1:
                self._world.call("POST", f"/connectors/{self._world.name(role)}/restart?includeTasks=true")
            time.sleep(fault.lasts / 2)

    @contextlib.contextmanager
    def _refused(self, topic, why):
        self._world.refused[why] = topic
        try:
            yield
        finally:
            del self._world.refused[why]

    def _delete_stopped(self, fault):
        with self._world.held(fault.connector, "stop"):
            time.sleep(fault.lasts)
            self._delete(fault.connector, self._topic(fault), fault.share)

    def _delete(self, role, topic, share):
        """In each partition, of what is not committed. Where nothing ever was, nobody could miss it."""
        kafka, state = self._world.kafka, self._world.topics[topic]
        with self._world.cluster:
            committed, ends = kafka.committed(self._world.sink(role).name, topic), kafka.ends(topic)
            befores = {one: committed[one] + max(1, int(share * (end - committed[one])))
                       for one, end in ends.items() if 0 < committed[one] < end}
            begin = time.time()
            if befores:
                kafka.delete_records(topic, befores)
            self._world.deletions += [Deletion((topic, one, state.incarnation), before, begin, time.time())
                                      for one, before in befores.items()]

    # A dead letter topic that refuses

    def _refuse_letters(self, key, value):
        def act(fault):
            world = self._world
            logs = [one.sidecar.log for one in world.members if one.sidecar.log]
            already = sum(len(log.find("dead letter")) for log in logs)
            with world.cluster:
                world.kafka.configure(world.letters, {key: value})
            with contextlib.suppress(AssertionError):
                eventually(lambda: sum(len(one.sidecar.log.find("dead letter")) for one in world.members
                                       if one.sidecar.log) > already, "a letter is refused", WAITING)
            time.sleep(fault.lasts)
            with world.cluster:
                world.kafka.configure(world.letters, {})
            time.sleep(1)       # what was on its way
            world.mend("keyed")
        return act
